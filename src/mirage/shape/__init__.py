"""Views of an object from all round → the object: cameras, a field of density and colour, a mesh.

Axes: the object stands upright in a right-handed frame, y up, as glTF has it; at azimuth 0 the
camera is on the side of +z, with +x to the right of the picture. The unit of length is half the
picture's side, measured through the origin; the orbit turns about the y axis.
"""
