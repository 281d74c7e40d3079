-- name: begin_waiting
-- Without parameters, so that it goes as a simple query: that ends the portal of the statement before, which lives until the
-- next statement or the transaction's end, and its snapshot with it.
SELECT;
