"""The helpdesks that companies run, one file each. A webhook is a hint: the ticket is read through the API."""
