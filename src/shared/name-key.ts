/** A name as names are compared that are unique without regard to case. */
export const nameKey = (name: string): string => name.normalize('NFC').toLowerCase()
