"""Videos of roads, made up: what a driving car sees, with a box for every object (SYNTHIA-AL, section 2.4).

`table` says what is made, `streets` where one can go, `traffic` who goes where; they and `truth` need NumPy alone.
`textures`, `meshes`, `models`, `houses`, `motorway` and `scenery` build the world, `weather` is its light, and `render`
draws it with Panda3D. `roads` writes a whole data set.
"""
