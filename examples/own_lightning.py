"""L2 in a Lightning module, by a callback: each part of the module has its own strength (needs pytorch-lightning)."""

import pytorch_lightning as lightning
import torch
from torch import nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

from poise.penalties import L2, lightning_callback

torch.manual_seed(0)
x = torch.randn(512, 8)
data = DataLoader(TensorDataset(x, x @ torch.randn(8, 8)), batch_size=16)


class Autoencoder(lightning.LightningModule):
    """Eight numbers through four, and out again."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(8, 4)
        self.decoder = nn.Linear(4, 8)

    def training_step(self, batch: list[torch.Tensor], number: int) -> torch.Tensor:
        inputs, targets = batch
        return mse_loss(self.decoder(self.encoder(inputs)), targets)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 1e-2)


def trained(encoder: float, decoder: float) -> Autoencoder:
    torch.manual_seed(1)
    net = Autoencoder()
    penalties = lightning_callback({"encoder": L2(encoder), "decoder": L2(decoder)})
    trainer = lightning.Trainer(
        max_epochs=5, accelerator="cpu", accumulate_grad_batches=4, callbacks=[penalties], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(net, data)
    return net


if __name__ == "__main__":
    free, penalised = trained(0.0, 0.0), trained(1e-1, 0.0)
    norms = [float(net.encoder.weight.detach().norm()) for net in (free, penalised)]
    print(f"norm of the encoder: {norms[0]:.2f} without a penalty, {norms[1]:.2f} with L2(0.1)")
    assert norms[1] < norms[0]
