"""The lesson's program: hours of study → probability of passing. Prints epoch and loss, writes lesson.png."""

import torch
from torch import nn

from torchlogit.plots import CurveTable, probability_curve

# 1. Data
x = torch.tensor([[1.0], [2.0], [3.0]])
y = torch.tensor([[0.0], [0.0], [1.0]])


# 2. Model
class LogisticRegression(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


torch.manual_seed(0)
model = LogisticRegression()
# 3. Loss and optimiser
criterion = nn.BCELoss(reduction="sum")
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
# 4. Training cycle
for epoch in range(1000):
    loss = criterion(model(x), y)
    print(epoch, loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
# The answer, and the curve with its red line at 0.5
with torch.no_grad():
    print("after 4 hours:", model(torch.tensor([[4.0]])).item())
    hours = torch.linspace(0, 10, 200)
    curve = CurveTable(hours, model(hours[:, None])[:, 0], points_x=x[:, 0], points_y=y[:, 0], label="1000 epochs")
    probability_curve(curve).save("lesson.png")
