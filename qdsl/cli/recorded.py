"""Adds the options of commands that run a packed file on recorded inputs."""

from argparse import ArgumentParser
from pathlib import Path


def add_inputs(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--inputs",
        metavar="FILE",
        type=Path,
        required=True,
        help="safetensors file with a tensor `entry.input` for each input",
    )


def add_backend(parser: ArgumentParser) -> None:
    parser.add_argument("--backend", metavar="NAME", default="cpu", help="whose kernels run")
