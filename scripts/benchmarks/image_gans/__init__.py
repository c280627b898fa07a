"""Two recipes for folders of images, `image-gan` and `fastgan` at 32×32, trained by gantape and by hand."""
