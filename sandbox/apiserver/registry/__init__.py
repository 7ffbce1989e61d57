"""The rules of writing: what a create, an update, an apply and a delete do to what is stored."""
