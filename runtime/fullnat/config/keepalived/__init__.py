"""keepalived.conf as a configuration: read into the document that the TOML file has, and checked as that is.

``source`` has the words of the lines (comments, quotes, includes, conditions, definitions), ``tree`` the blocks that
they make, ``keywords`` the table of what there is and what it means here, ``document`` what becomes of it.
"""
