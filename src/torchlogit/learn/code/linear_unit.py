import torch
from torch import nn

x = torch.tensor([[1.0], [2.0], [3.0]])  # hours of study
y = torch.tensor([[0.0], [0.0], [1.0]])  # passed?


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return self.linear(x)


torch.manual_seed(0)
model = Model()
criterion = nn.MSELoss(reduction="sum")
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for _ in range(1000):
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

for hours in (0.0, 2.0, 4.0):
    with torch.no_grad():
        answer = model(torch.tensor([[hours]])).item()
    print(f"{hours:g} hours: {answer:6.3f}")
