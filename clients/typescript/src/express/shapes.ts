// As much of Express, Connect and node:http as is needed; their own types fit.

export interface RequestLike {
  headers: Record<string, string | string[] | undefined>;
  url?: string | undefined;
  /** Express keeps the whole path here while a router has taken its own part off `url`. */
  originalUrl?: string;
}

// Overloads of other people's methods fit nothing narrower.
type Method = (...args: any[]) => any;

export interface ResponseLike {
  statusCode: number;
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  setHeader: Method;
  removeHeader: Method;
  appendHeader?: Method;
  writeHead: Method;
  flushHeaders?: Method;
  write: Method;
  end: Method;
  on: Method;
  emit: Method;
  destroy: Method;
}

export type Next = (error?: unknown) => void;
export type Middleware = (request: RequestLike, response: ResponseLike, next: Next) => void;
