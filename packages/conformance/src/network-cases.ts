/** x */
export {}
