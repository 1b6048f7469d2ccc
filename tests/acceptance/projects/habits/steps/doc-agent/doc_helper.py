PERSONA = "librarian"
