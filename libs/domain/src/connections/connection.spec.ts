import { fold } from '../decider';
import { specify } from '../specify';
import { connection, type ConnectionCommand, type ConnectionEvent } from './connection';

const given = specify(connection);

const parties = { connectionId: 'connection-1', accountId: 'account-1', userId: 'user-1', broker: 'zerodha' };
const ENDS_AT = Date.UTC(2026, 10, 22, 0, 30);
const session = { clientId: 'AB1234', sessionEndsAt: ENDS_AT, sessionId: 'login-1' };
const next = { clientId: 'AB1234', sessionEndsAt: ENDS_AT + 86_400_000, sessionId: 'login-2' };
const evidence = { code: 'TokenException', message: 'Incorrect `api_key` or `access_token`.' };

const opened: ConnectionEvent = { type: 'ConnectionOpened', data: { ...parties, ...session } };
const renewed: ConnectionEvent = { type: 'ConnectionRenewed', data: next };
const loginRequired: ConnectionEvent = { type: 'LoginRequired', data: { reason: 'auth', evidence } };
const closed: ConnectionEvent = { type: 'ConnectionClosed', data: {} };

const open = (data: Partial<typeof parties & typeof session> = {}): ConnectionCommand => ({
  type: 'OpenConnection',
  data: { ...parties, ...session, ...data },
});
const renew: ConnectionCommand = { type: 'RenewConnection', data: next };
const renewForOther: ConnectionCommand = { type: 'RenewConnection', data: { ...next, clientId: 'ZZ9999' } };
const requireLogin = (sessionId?: string): ConnectionCommand => ({
  type: 'RequireLogin',
  data: { reason: 'auth', evidence, ...(sessionId !== undefined && { sessionId }) },
});
const close: ConnectionCommand = { type: 'CloseConnection', data: {} };

describe('a new connection', () => {
  it('is opened', () => given().when(open()).then(opened));
  it('cannot be renewed', () => given().when(renew).thenRefused('connection.unknown'));
  it('needs no login', () => given().when(requireLogin()).thenRefused('connection.unknown'));
  it('cannot be closed', () => given().when(close).thenRefused('connection.unknown'));
});

describe('an open connection', () => {
  it('is not opened twice by one login', () => given(opened).when(open()).thenNothing());
  it('takes another login of its client for a renewal', () => given(opened).when(open(next)).then(renewed));
  it('is renewed', () => given(opened).when(renew).then(renewed));
  it('is not renewed twice by one login', () => given(opened, renewed).when(renew).thenNothing());
  it('is renewed by a login whose session ends with the one before', () => {
    const sameDay = { ...session, sessionId: 'login-3' };
    given(opened).when({ type: 'RenewConnection', data: sameDay }).then({ type: 'ConnectionRenewed', data: sameDay });
  });
  it('is renewed by a login that cannot be told from the one before', () => {
    const unnamed = { clientId: 'AB1234', sessionEndsAt: ENDS_AT };
    const event: ConnectionEvent = { type: 'ConnectionRenewed', data: unnamed };
    given(opened, event).when({ type: 'RenewConnection', data: unnamed }).then(event);
  });
  it('takes the settings of the newer login', () => {
    const elsewhere = { ...next, egressAddress: '10.0.0.7', algoId: '99999' };
    given(opened)
      .when({ type: 'RenewConnection', data: elsewhere })
      .then({ type: 'ConnectionRenewed', data: elsewhere });
  });
  it('belongs to one client', () => given(opened).when(renewForOther).thenRefused('connection.other-client'));
  it('belongs to one client, also for who opens it', () =>
    given(opened)
      .when(open({ clientId: 'ZZ9999' }))
      .thenRefused('connection.other-client'));
  it.each([{ accountId: 'account-2' }, { userId: 'user-2' }, { broker: 'upstox' }, { connectionId: 'connection-2' }])(
    'belongs to one account at one broker: not to %j',
    (other) => given(opened).when(open(other)).thenRefused('connection.other-account'),
  );
  it('needs a login when the broker says so', () => given(opened).when(requireLogin()).then(loginRequired));
  it('needs a login when its session is over by the clock', () =>
    given(opened)
      .when({ type: 'RequireLogin', data: { reason: 'expired' } })
      .then({ type: 'LoginRequired', data: { reason: 'expired' } }));
  it('needs a login when its present session is refused', () =>
    given(opened, renewed).when(requireLogin('login-2')).then(loginRequired));
  it('passes over a complaint about a session that was renewed since', () =>
    given(opened, renewed).when(requireLogin('login-1')).thenNothing());
  it('is closed', () => given(opened).when(close).then(closed));
});

describe('a connection that needs a login', () => {
  it('needs it once', () => given(opened, loginRequired).when(requireLogin()).thenNothing());
  it('is renewed', () => given(opened, loginRequired).when(renew).then(renewed));
  it('is renewed by the login that was refused, now that it is good: its address may have been the trouble', () =>
    given(opened, loginRequired)
      .when({ type: 'RenewConnection', data: session })
      .then({ type: 'ConnectionRenewed', data: session }));
  it('is renewed by who opens it', () => given(opened, loginRequired).when(open(next)).then(renewed));
  it('belongs to one client', () =>
    given(opened, loginRequired).when(renewForOther).thenRefused('connection.other-client'));
  it('needs a login again after the renewal', () =>
    given(opened, loginRequired, renewed).when(requireLogin()).then(loginRequired));
  it('is closed', () => given(opened, loginRequired).when(close).then(closed));
});

describe('a closed connection', () => {
  it('is closed once', () => given(opened, closed).when(close).thenNothing());
  it('cannot be renewed', () => given(opened, closed).when(renew).thenRefused('connection.closed'));
  it('needs no login', () => given(opened, closed).when(requireLogin()).thenNothing());
  it('may be opened again', () => given(opened, closed).when(open()).then(opened));
  it('may be opened again for another client', () =>
    given(opened, closed)
      .when(open({ clientId: 'ZZ9999' }))
      .then({ type: 'ConnectionOpened', data: { ...parties, ...session, clientId: 'ZZ9999' } }));
  it('stays with its account', () =>
    given(opened, closed)
      .when(open({ accountId: 'account-2' }))
      .thenRefused('connection.other-account'));
});

describe('what is known of it', () => {
  const after = (...events: ConnectionEvent[]) => fold(connection, connection.initial, events);

  it('is the present session, with nothing left of the one before', () => {
    const settings = { algoId: '99999', egressAddress: '10.0.0.7' };
    const openedWith: ConnectionEvent = { type: 'ConnectionOpened', data: { ...parties, ...session, ...settings } };
    expect(after(openedWith)).toEqual({ status: 'open', ...parties, ...session, ...settings });
    expect(after(openedWith, renewed)).toEqual({ status: 'open', ...parties, ...next });
  });

  it('stays known when it is over', () => {
    expect(after(opened, loginRequired)).toEqual({ status: 'login-required', ...parties, ...session });
    expect(after(opened, closed)).toEqual({ status: 'closed', ...parties, ...session });
    expect(after(opened, closed, opened)).toEqual({ status: 'open', ...parties, ...session });
  });
});
