import { passwordMatches, type People } from './people.ts'

export type Person = People['people'][number]
export type PasswordSignIn = (email: string, password: string) => Promise<Person | { readonly problem: string }>

/** Checks what the sign-in form brings. Ten wrong passwords for an address close it for a minute. */
export function passwordSignIn(people: () => People): PasswordSignIn {
  const attempts = new Map<string, { count: number; until: number }>()
  return async (typed, password) => {
    const email = typed.toLowerCase()
    const tries = attempts.get(email)
    if (tries !== undefined && tries.count >= 10 && tries.until > Date.now())
      return { problem: 'Too many attempts: wait a minute.' }
    const person = people().people.find((candidate) => candidate.email.toLowerCase() === email && !candidate.disabled)
    // An unknown person costs as much time as a wrong password.
    if (!(await passwordMatches(password, person?.password ?? NOBODY)) || person === undefined) {
      attempts.set(email, { count: (tries?.count ?? 0) + 1, until: Date.now() + 60_000 })
      if (attempts.size > 1000) attempts.clear()
      return { problem: 'E-mail or password is wrong.' }
    }
    attempts.delete(email)
    return person
  }
}

const NOBODY = `scrypt$16384$${'A'.repeat(22)}$${'A'.repeat(43)}`
