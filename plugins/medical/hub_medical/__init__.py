"""Medical images for backbone-hub: files in and out, metrics with real spacing, reports. Not a medical device.

Nothing heavy is imported here: the hub reads `hub_medical.specs` to list what there is.
"""

__version__ = "0.1.0"

NOTICE = "For research only. Not a medical device: not for diagnosis, treatment or any other clinical decision."
