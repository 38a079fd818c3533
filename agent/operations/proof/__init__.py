"""`innkeeper prove-egress`: runs the product where every way out ends in our hands, and writes down who tried to leave.

`namespace` makes the place, `watch` sees what is tried, `work` runs the product in it, `document` tells an auditor.
"""
