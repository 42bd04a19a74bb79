"""The network: built on devices, its losses, its calibration."""
