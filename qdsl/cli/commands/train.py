"""Defines `qdsl train`: a variant by its recipe."""

import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from qdsl.cli.command import Command


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help="file.qspec#variant")
    help = "what is trained on: the task says what that is"
    parser.add_argument("--data", metavar="PATH", type=Path, help=help)
    help = "folder of everything trained; the variant's is below it (default: trained)"
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("trained"), help=help)
    help = "an option of the task; may be given several times"
    parser.add_argument("--task", metavar="NAME=VALUE", action="append", default=[], help=help)
    help = "discard what was trained before"
    parser.add_argument("--anew", action="store_true", help=help)
    help = "of the first values of the weights, and of batches and random numbers"
    parser.add_argument("--seed", metavar="N", type=int, default=0, help=help)
    help = "steps from one checkpoint to the next"
    parser.add_argument("--save-every", metavar="STEPS", type=_count, default=200, help=help)
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or cuda:N; else what is there")
    help = "under torchrun: spread the weights over the processes (FSDP2)"
    parser.add_argument("--shard", action="store_true", help=help)


def run(arguments: Namespace) -> int:
    if arguments.shard and "WORLD_SIZE" not in os.environ:
        from qdsl.cli.parser import fail

        help = "start it with `torchrun --nproc-per-node N -m qdsl train …`, or leave it out"
        return fail("`--shard` spreads weights over the processes of torchrun", help)
    from qdsl.cli.training import train_variant

    return train_variant(arguments)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"`{text}` is no number of steps")
    return int(text)


COMMAND = Command(
    "train a variant by its recipe",
    configure,
    run,
    description=(
        "Runs the stages of the variant's recipe on the data of its task, evaluates what came of "
        "it, and writes into the folder `DIR/variant`: `checkpoint`, to go on from; "
        "`losses.jsonl`, a line for each step; `variant.safetensors`, the frozen weights; and "
        "`variant.qpack`, the packed file. Needs the extra `torch`.\n\n"
        "Training that was stopped, at whatever moment, goes on from the last checkpoint when the "
        "command is given again, and gives the same losses as if it had not been. Under torchrun, "
        "processes share the work of each step."
    ),
    examples=(
        ("qdsl train model.qspec#small --data text/", "train it, or go on with it"),
        ("qdsl train model.qspec#small --data text/ --anew", "from the start"),
        (
            "torchrun --nproc-per-node 2 -m qdsl train model.qspec#small --data text/",
            "on two processes",
        ),
    ),
    statuses=((1, "errors were found"), (130, "stopped by Ctrl-C: the same command goes on")),
    see=("verify", "size", "fit"),
)
