"""Scripts written for W&B, for tests."""

SWEEP = """
method: grid
program: train.py
{more}
parameters:
  case: {{values: {cases}}}
  lr: {{value: 1e-5}}
  optimizer: {{parameters: {{momentum: {{value: 0.9}}}}}}
  layers: {{value: [64, 32]}}
"""


# Each is a script of its own, in one sweep only because each start of W&B takes its time.
CASES = '''
import os, signal, sys
import wandb

def configuration():
    """Parameters win over defaults, and nothing changes them any more."""
    run = wandb.init(
        project="churn", entity="us", config={"lr": 0.5, "epochs": 3, "optimizer": {"name": "sgd"}}
    )
    wandb.config.lr = 7
    wandb.config.update({"batch": 16})
    config = wandb.config
    wandb.summary["lr"] = config.lr
    wandb.summary["sum"] = config["epochs"] + config.batch + sum(config.layers)
    wandb.summary["optimizer"] = config.optimizer
    wandb.summary["sweep"] = run.sweep_id
    wandb.summary["named"] = run.name == run.id == os.environ["COLABCTL_FOLDER"].rpartition("/")[2]
    wandb.summary["offline"] = run.offline

def arguments():
    """What comes by the command line is not read twice."""
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float)
    given, _ = parser.parse_known_args()
    with wandb.init(config=given) as run:
        run.log({"lr": given.lr, "same": run.config.lr == given.lr})

def steps():
    run = wandb.init()
    run.log({"loss": 3})
    run.log({"loss": 2, "epoch": 0}, step=10)
    run.log({"loss": 1.5}, step=11, commit=False)
    run.log({"accuracy": 0.5})
    run.log({"loss": float("nan"), "step": 4, "self": 5})
    run.finish()

def nested():
    wandb.init()
    wandb.log({"val": {"f1": 0.5, "by": {"class": {"a": 1}}}, "train/loss": 2, "x.y": 3})
    wandb.log({"val": {"f1": 0.75}})

def summaries():
    wandb.init()
    wandb.define_metric("loss", summary="min")
    wandb.define_metric("accuracy", summary="max,mean")
    wandb.define_metric("hidden", summary="none")
    wandb.define_metric("epoch")
    wandb.define_metric("val/*", step_metric="epoch")
    for loss, accuracy in [(3, 0.5), (1, 1.0), (2, 0.75)]:
        wandb.log({"loss": loss, "accuracy": accuracy, "hidden": 1, "val/loss": loss})
    wandb.summary["best"] = {"epoch": 2, "note": "good"}
    wandb.summary["best"]["epoch"] = 3
    wandb.run.summary.update({"gone": 1, "kept": True})
    del wandb.run.summary["gone"]

def media():
    import numpy
    wandb.init()
    wandb.log({
        "loss": numpy.float32(0.5),
        "weights": wandb.Histogram([1, 2, 3]),
        "rows": wandb.Table(columns=["a"], data=[[1]]),
        "page": wandb.Html("<p>"),
        "many": [1, 2],
        "none": None,
        "word": "short",
        "essay": "long " * 1000,
        "flag": True,
    })
    wandb.log({"weights": wandb.Histogram([1])})

def again():
    for fold in range(2):
        run = wandb.init(reinit=True)
        run.log({"fold": fold, f"loss_{fold}": 1})
        run.finish()

def here():
    """As PyTorch Lightning begins its runs by default."""
    run = wandb.init(dir=".", id=None, resume="allow")
    run.log({"loss": 1})

def both():
    import colabctl
    wandb.init()
    wandb.log({"loss": 1, "accuracy": 1})
    colabctl.task().report(step=7, mine=1)
    colabctl.task().done(accuracy=2, extra=3)

def unused():
    pass

def crashed():
    wandb.init()
    for loss in (3, 2):
        wandb.log({"loss": loss})
    raise RuntimeError("no more memory")

def killed():
    run = wandb.init()
    run.log({"loss": 3})
    os.kill(os.getpid(), signal.SIGKILL)

globals()[next(word for word in sys.argv if word.startswith("--case=")).removeprefix("--case=")]()
'''


NAMES = [
    "configuration",
    "arguments",
    "steps",
    "nested",
    "summaries",
    "media",
    "again",
    "here",
    "both",
    "unused",
    "crashed",
    "killed",
]
