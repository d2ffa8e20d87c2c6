import torch
from torch import nn
from torch.optim import SGD

# hours of study, and who passed
x = torch.tensor([[1.0], [2.0], [3.0]])
y = torch.tensor([[0.0], [0.0], [1.0]])


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return self.linear(x)


torch.manual_seed(0)
model = Model()
criterion = nn.MSELoss(reduction="sum")
optimizer = SGD(model.parameters(), lr=0.01)

for _ in range(1000):
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with torch.no_grad():
    for h in (0.0, 2.0, 4.0):
        answer = model(torch.tensor([h]))
        print(h, "h:", round(answer.item(), 3))
