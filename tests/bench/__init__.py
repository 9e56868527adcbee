"""`./dev bench`: what Coffret costs, measured on the product as it runs."""
