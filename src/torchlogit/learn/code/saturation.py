import torch
from torch import nn

for eta in (10.0, 16.0, 20.0):
    logit = torch.tensor(eta, requires_grad=True)
    y = torch.tensor(0.0)
    for name, loss in (
        ("sigmoid, BCELoss ", nn.BCELoss()(torch.sigmoid(logit), y)),
        ("BCEWithLogitsLoss", nn.BCEWithLogitsLoss()(logit, y)),
    ):
        (gradient,) = torch.autograd.grad(loss, logit)
        print(f"logit {eta:g}   {name}   loss {loss:.4f}   gradient {gradient:.4f}")
