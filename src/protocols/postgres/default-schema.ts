/** What a name without a schema means in rules; the search path of a session decides in its statements. */
export const DEFAULT_SCHEMA = 'public'
