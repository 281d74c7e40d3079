"""The live view: messages become events of a business, events reach whoever watches, on every replica."""
