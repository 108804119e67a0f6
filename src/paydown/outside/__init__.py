"""How the edges reach the world outside: servers by HTTP, programs by command. What is said there is the dialects'."""
