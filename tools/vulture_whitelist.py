"""Names that are used where vulture does not see it; each line is a use, and says which."""

_.cpu_quiet  # synthetic/life.py reads the fields of a pattern by name, this and the six below
_.duty
_.host_memory
_.overask
_.period_s
_.spread
_.sway
_.gpu_memory_mib  # synthetic/capacity.py reads the fields of a node by name
_.text_factory  # sqlite3
_.row_factory  # sqlite3
process  # store/engine.py: a part of a cache's key
trace  # the last argument of __exit__
_.demand  # ledger/posting.py writes the derived tables of a day by name
_.readable  # model/delimited.py: asked by the io module
_.at_ms  # reports/parts/parameters.py: becomes start_ms and end_ms before the fields are read
_.seekable  # store/pieces.py: asked by the io module
_.seek
_.planned_down  # reconcile/utilization.py names the figures of sreport
