import type { Socket } from 'node:net'
import { CodedError } from '../errors.ts'
import { rawResponse } from '../problem.ts'
import type { Exchange } from './exchange.ts'
import { errorFor, type FailureReport } from './failure.ts'
import { headersTimeout, maxHeaderSize } from './listening.ts'

/**
 * For what Node's parser refuses. It reads no further on this connection, which ends here, as soon as what came before
 * is answered.
 *
 * @param last the exchange that was begun last on the connection
 * @param refused told where no exchange knows of it
 */
export function malformed(
  error: Error & { code?: string },
  socket: Socket,
  last: Exchange | undefined,
  refused: (error: CodedError) => void,
): void {
  // A client that leaves, also in the middle of a request, has not said anything wrong. Nor has one that said nothing: a
  // load balancer that opens connections ahead would take what it is told for the answer to its first request.
  const isSilent = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0
  if (error.code === 'ECONNRESET' || error.code === 'HPE_INVALID_EOF_STATE' || isSilent || !socket.writable) {
    socket.destroy()
    return
  }
  const coded = parserError(error.code)
  if (last === undefined || (last.isOver && last.request.complete)) {
    refused(coded)
    socket.end(rawResponse(coded, ['Sidekeep-Error', coded.code]), () => socket.destroy())
  } else if (last.isOver || last.request.complete) {
    // Broken is the rest of a body that nobody wanted, or a further request, while the ones before it still wait for
    // their answers.
    last.endConnection()
  } else {
    last.fail(coded)
  }
}

/**
 * For a connection on which nothing has moved for too long: a client that stopped in the middle of a body is told so,
 * and so is one whose body the application does not take.
 */
export function stalled(socket: Socket, last: Exchange | undefined, failures: FailureReport): void {
  if (last === undefined || last.isOver || last.request.complete || last.hasAnswered) socket.destroy()
  else if (last.request.isPaused()) {
    failures.add('headers_timeout', new Error('the application neither took the body nor answered'))
    last.fail(errorFor('headers_timeout'))
  } else last.fail(new CodedError('SIDEKEEP_REQUEST_INCOMPLETE', [socket.timeout ?? 0]))
}

function parserError(code: string | undefined): CodedError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new CodedError('SIDEKEEP_HEADERS_TOO_LARGE', [maxHeaderSize])
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new CodedError('SIDEKEEP_REQUEST_INCOMPLETE', [headersTimeout])
    default:
      return new CodedError('SIDEKEEP_BAD_REQUEST', ['The request is no valid HTTP/1.1.'])
  }
}
