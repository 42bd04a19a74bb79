"""The demo world: small, generated, in the formats of the real products, with a known truth.

`world_settings` holds every constant and `truth` draws the ground. `perception` decides what each product takes the
ground for, `native_codes` words it in the product's codes, and `product_files` writes the five products as they are
distributed. `shots` plans the imagery, `textures` paints the ground, `photographs` writes the scenes and
`scene_catalogue` their STAC catalogue. `reviewers` lets three imperfect people label points. `make_world` runs all of
it.
"""
