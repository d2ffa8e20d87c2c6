import torch

from torchlogit import sigmoids

x = torch.tensor([-2.0, 0.0, 2.0])
print("torch.sigmoid  ", [f"{value:.4f}" for value in torch.sigmoid(x)])
print("logistic       ", [f"{value:.4f}" for value in sigmoids.logistic(x)])
print("its derivative ", [f"{value:.4f}" for value in sigmoids.logistic.derivative(x)])
print("its inverse    ", sigmoids.logistic.inverse(torch.tensor([0.0, 0.5, 1.0])).tolist())
print("its limits     ", sigmoids.logistic.limits)
