"""Where it is kept: the database, every table, the migrations. Rules live in loyalty."""
