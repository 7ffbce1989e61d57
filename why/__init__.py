"""Why an object is not well: pure functions from what is known of a cluster to findings.

``gather`` alone asks an API server; everything else works on what it is given.
"""
