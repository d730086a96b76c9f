/** A name as names are compared that are unique without regard to case. */
export const nameKey = (name: string): string => name.normalize('NFC').toLowerCase().normalize('NFC')

/**
 * An e-mail address as addresses are compared here: without regard to the case of ASCII letters alone. Unicode maps the Kelvin sign to a `k`, and
 * with it the address of one person to another's.
 */
export const mailKey = (address: string): string => address.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
