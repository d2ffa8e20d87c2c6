import torch
from torch import nn

guess = torch.tensor([0.9, 0.6, 0.2, 0.95])
y = torch.tensor([1.0, 1.0, 0.0, 0.0])
total = nn.BCELoss(reduction="sum")(guess, y)  # what the lesson wrote as BCELoss(size_average=False)
mean = nn.BCELoss(reduction="mean")(guess, y)  # what BCELoss() does
print(f"sum {total:.4f}   mean {mean:.4f}   sum / mean {total / mean:.1f}")
