"""Training of networks: ``sunpy-enhance train RECIPE``; needs the extra "training".

The way of the data: `sources` (and `synthetic`) give sharp images, `dataset` makes of them pairs of patches as HMI
and as a larger telescope see them, all as a `recipe` says, and `storage` keeps them in a file; `train` fits one of the
`networks` to the pairs, in a `loop` over `batches` that lowers the `losses`, with a `checkpoint` and a `history`;
`metrics` measures it on what was held out, `export` writes the ONNX file that `sunpy_enhance.enhance_map` runs.
"""
