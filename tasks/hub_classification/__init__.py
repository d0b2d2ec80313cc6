"""Classification of whole images: one class of several, or any number of them."""
