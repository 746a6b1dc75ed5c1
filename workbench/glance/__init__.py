"""Everything at a glance: one photo, and all that is known of its faces, as one value and one page to hand on."""
