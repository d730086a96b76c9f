/**
 * LOCAL INFILE Request, sent by the server: it requests a file from the client. The name is in the client's character set. Spec: LOCAL
 * INFILE Request.
 */
export const readLocalInfile = (payload: Buffer): Buffer => payload.subarray(1)

export const LOCAL_INFILE = 0xfb
