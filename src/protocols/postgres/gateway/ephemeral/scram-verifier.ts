import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

/**
 * The verifier that PostgreSQL stores for a password (manual, 54.8, pg_authid; RFC 5803):
 * `SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY`. If it is sent in place of the password, the server never gets the password itself.
 * `password` is ASCII, which SASLprep leaves unchanged.
 */
export async function scramVerifier(password: string, salt: Buffer = randomBytes(16)): Promise<string> {
  const salted = await derive(password, salt, ITERATIONS, 32, 'sha256')
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64')
  const serverKey = hmac(salted, 'Server Key').toString('base64')
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`
}

/** 256 random bits. */
export const randomPassword = (): string => randomBytes(32).toString('base64url')

const derive = promisify(pbkdf2)
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
/** The server's default (scram_iterations). More would only protect a password that can be guessed. */
const ITERATIONS = 4096
