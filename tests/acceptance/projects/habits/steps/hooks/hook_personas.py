NAMES = ["poet", "cynic"]
