import type { SshCertificateProof } from '../../../credentials/credential.ts'
import { string } from '../wire/channel-request.ts'

/**
 * SSH_MSG_USERAUTH_REQUEST of the method `publickey` with a certificate for the key (RFC 4252, section 7; PROTOCOL.certkeys). It is
 * signed at once, without asking first whether the key would do: there is one certificate and it is tried once. The signature covers the
 * session identifier, so that it is worth nothing on another connection.
 */
export function publicKeyRequest(user: string, proof: SshCertificateProof, sessionId: Buffer): Buffer {
  const unsigned = Buffer.concat([
    Buffer.from([USERAUTH_REQUEST]),
    string(user),
    string('ssh-connection'),
    string('publickey'),
    Buffer.from([1]),
    string(proof.type),
    string(proof.certificate),
  ])
  return Buffer.concat([unsigned, string(proof.sign(Buffer.concat([string(sessionId), unsigned])))])
}

const USERAUTH_REQUEST = 50
