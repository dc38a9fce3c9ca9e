"""What flags of other toolkits are called here, so that a habit gets an answer and not the nearest spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Other names (as people type them, without dashes before), flags of ours, of which those are named that the command
# has, and words for what is no flag.
RATES = ("--generator.lr", "--discriminator.lr", "--model.lr", "--autoencoder.lr", "--vocoder.lr")
L2S = (
    "--l2-generator", "--l2-discriminator", "--l2-vocoder", "--l2-encoder", "--l2-decoder", "--l2-recurrent",
    "--l2-output", "--l2-embedding",
)  # fmt: skip
BETAS = ("--generator.betas", "--discriminator.betas", "--model.betas", "--autoencoder.betas")
WIDTHS = ("--generator.width", "--discriminator.width", "--autoencoder.width", "--generator.hidden", "--model.hidden")
SYNONYMS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("lr learning-rate learningrate base-lr", RATES, "each network has a rate of its own"),
    ("g-lr lr-g glr generator-lr gen-lr", ("--generator.lr",), ""),
    ("d-lr lr-d dlr discriminator-lr disc-lr", ("--discriminator.lr",), ""),
    ("weight-decay wd l2 reg regularization lambda l2-reg", L2S, "L2 has a strength for each part"),
    ("r1 r1-gamma gp gradient-penalty gamma lambda-gp", ("--discriminator.penalties+",),
     "R1 is a penalty of the discriminator: --discriminator.penalties+=R1 --discriminator.penalties.gamma=1"),
    ("epochs num-epochs n-epochs nepochs max-epochs epoch", ("--steps",),
     "training is counted in steps, and an epoch is (training items / --batch) of them"),
    ("kimg total-kimg nimg", ("--steps",), "training is counted in steps: 1,000 items are 1,000 / --batch"),
    ("iterations iters niter n-iter max-iter max-steps total-steps num-steps train-steps", ("--steps",), ""),
    ("batch-size bs batchsize batch-gpu mini-batch per-device-train-batch-size", ("--batch",), ""),
    ("gradient-accumulation-steps accumulate accumulation grad-accum", ("--micro-batches",),
     "--micro-batches N computes a step in N pieces of the batch"),
    ("resolution res img-size image-size imsize imgsize crop-size load-size", ("--size",), ""),
    ("truncation trunc truncation-psi psi", ("--truncation", "--temperature"),
     "it is for drawing: poise sample RUN --truncation 1, and --temperature for text"),
    ("gpus gpu num-gpus n-gpu ngpu cuda gpu-ids use-gpu", ("--device",), "--device cuda takes the GPU, one of them"),
    ("cpu no-cuda", ("--device",), "--device cpu"),
    ("fp16 amp bf16 mixed-precision half fp32", ("--precision",), "--precision bf16 or fp32"),
    ("workers num-workers nproc num-threads jobs", ("--threads", "--workers"), ""),
    ("outdir output-dir output out-dir save-dir save-path result-dir logdir log-dir checkpoint-dir", ("--out",), ""),
    ("data dataset dataroot data-dir data-path path train-dir input root-dir", (),
     "data are named by their place alone: poise train images DATA"),
    ("resume-from continue restart ckpt checkpoint load continue-train", (),
     "a run that was stopped goes on with: poise resume RUN"),
    ("from pretrained pretrain init-from init finetune fine-tune transfer start-from initial-weights", ("--from-run",),
     "--from-run RUN begins with the networks of another run (poise train images)"),
    ("z-dim latent-dim nz z-size noise-dim zdim", ("--noise", "--latent-size", "--generator.noise"), ""),
    ("beta1 beta2 b1 b2 adam-beta1 beta-1", BETAS, "both betas of Adam at once, such as '[0.5, 0.99]'"),
    ("ngf ndf channels-base cbase filters hidden-size hidden-dim width num-filters", WIDTHS, ""),
    ("n-critic d-steps dis-iters critic-iters num-d-steps ncritic disc-iters", ("--discriminator.turns",), ""),
    ("g-steps gen-iters", ("--generator.turns",), ""),
    ("ema-decay ema-beta moving-average polyak", ("--ema",), ""),
    ("ema-kimg ema-nimg ema-images", ("--ema-half-life",), "it counts pictures, not thousands of them"),
    ("mirror hflip horizontal-flip xflip random-flip", ("--flip",), ""),
    ("cond class-conditional num-classes n-classes", ("--conditional",), ""),
    ("val-split validation-split test-size val-size holdout eval-split", ("--heldout",), ""),
    ("save-every save-freq save-interval checkpoint-freq snap save-steps ckpt-freq", ("--checkpoint-every",), ""),
    ("sample-interval sample-freq display-freq log-images-every", ("--sample-every",), ""),
    ("log-interval print-freq logging-steps log-freq", ("--log-every",), ""),
    ("metrics eval-every fid eval-freq eval-interval", ("--scores",),
     "--scores N takes N scores on the way; poise evaluate RUN takes many metrics at the end"),
    ("early-stopping early-stop early-stopping-patience", ("--patience",), ""),
    ("aug augmentation diffaug diff-augment", ("--augment",), ""),
    ("ada augment-p augment-prob aug-prob target ada-target", ("--augment-probability",),
     "steered is what ADA does, by held-out pictures"),
    ("spectral-norm sn specnorm", ("--discriminator.spectral",), ""),
    ("clip-grad grad-clip max-grad-norm clip-norm gradient-clip", ("--generator.clip", "--discriminator.clip",
     "--model.clip", "--autoencoder.clip"), ""),
    ("arch model-name netg netd architecture backbone cfg model-type", ("--network",), ""),
    ("gan-mode gan-type adversarial-loss objective-type loss-type", ("--loss",), ""),
    ("optimizer optim opt", (), "every network is trained with Adam; its rates and betas can be set"),
    ("wandb use-wandb mlflow trackio logger tb report-to track", (),
     "--mirror wandb (or mlflow, trackio) and --tensorboard send the record there beside RUN/record.jsonl"),
    ("num-samples nsamples n-samples samples num-images num seeds", ("-n", "--score-samples"), ""),
    ("network-pkl pkl model-path weights", (), "a run is named by its place alone, or as last"),
    ("temp t", ("--temperature",), ""),
    ("topk", ("--top-k",), ""),
    ("topp nucleus", ("--top-p",), ""),
    ("prompt prefix seed-text start-text", ("--start",), ""),
    ("class class-idx class-label", ("--label",), ""),
    ("sample-rate sampling-rate sr", ("--rate",), ""),
    ("n-mels num-mels mel-channels n-mel-channels", ("--bands",), ""),
    ("hop-length hop-size", ("--hop",), ""),
    ("n-fft win-length fft-size win-size", ("--window",), ""),
    ("segment-size segment-length", ("--segment",), ""),
    ("vocab-size vocab", ("--vocabulary",), ""),
    ("seq-len seq-length max-length max-len sequence-length block-size bptt", ("--longest", "--window"), ""),
    ("rnn-type cell-type", ("--model.cell",), ""),
    ("dropout dropout-rate", ("--generator.dropout", "--discriminator.dropout", "--model.dropout-output"), ""),
    ("kld-weight kl-weight beta-kl", ("--beta",), ""),
)  # fmt: skip
_BY_NAME = {name: (flags, words) for names, flags, words in SYNONYMS for name in names.split()}


def meant(flag: str, known: Iterable[str]) -> str:
    """What a flag of another toolkit is here: a part of a sentence, or nothing where it is not known.

    Args: flag, as it was typed; known, the flags of the command, with dashes.

        >>> meant("--batch-size", ["--batch", "--steps"])
        'here that is --batch'
        >>> meant("--epochs", ["--batch", "--steps"])
        'here that is --steps: training is counted in steps, and an epoch is (training items / --batch) of them'
        >>> meant("--colour", ["--batch"])
        ''
    """
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", flag.lstrip("-").partition("=")[0]).replace("_", "-").lower()
    if name not in _BY_NAME:
        return ""
    flags, words = _BY_NAME[name]
    here = set(known)
    there = [flag for flag in flags if flag in here]
    if flags and not there:
        return f"this command has nothing of the kind{f' ({words})' if words and not words.startswith('--') else ''}"
    said = f"here that is {' and '.join(there)}" if there else ""
    return f"{said}: {words}" if said and words else said or words
