"""The bytes of a block to typed rows: fields found, values converted, bad records set aside."""
