"""Objectives as pure functions; importing this room enters them into the registry (family "loss")."""

from poise.losses.adversarial import AdversarialLoss, Loss

__all__ = ["AdversarialLoss", "Loss"]
