"""The demo world: small, generated, in the formats that the real products come in, with a truth that is known.

`settings` holds every constant, `truth` draws the ground, `perception` says what each product takes it for, `products`
writes the five as they are distributed, `textures` paints the ground, `scenes` photographs it into a STAC catalogue,
`reviews` lets three imperfect people judge points, and `demo` runs all of it.
"""
