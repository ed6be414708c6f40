"""The demo territory: what a newcomer to the platform sees after one command."""

from service.demo.load import load_demo

__all__ = ["load_demo"]
