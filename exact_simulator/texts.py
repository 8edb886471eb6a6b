"""Every text that Exact is known to answer with, in one place, so that a wording is never typed twice.

Only words belong here; which status and headers go with them stands in `answers`. Texts marked (assumed) are
nowhere recorded: clients must not depend on their wording.
"""

QUERY_SYNTAX = "Bad Request - Error in query syntax."
SELECT_OR_TOP = "Please add a $select or a $top=1 statement to the query string."
SELECT_NOT_APPLICABLE = "Query option $select cannot be applied to the requested resource."
SKIP_NOT_APPLICABLE = "Query option $skip cannot be applied to the requested resource."  # assumed, after $select's
FILTER_NOT_SUPPORTED = "This $filter parameter is not supported for this resource {fields}"
MANDATORY_FILTER = (
    "This endpoint has mandatory filtering applied. A GET request for this endpoint must have a $filter parameter "
    "with one of the following fields in the url:{fields}."
)
UNRECOGNIZED_LITERAL = "Unrecognized '{edm_type}' literal '{literal}' in '{position}'."
BAD_ATTACHMENT = (
    "Error processing request stream. Error encountered in converting the value from request payload for property "
    "'Attachment' to type 'Byte[]'"
)
BAD_PAYLOAD = "Error processing request stream. The request should be a valid top-level resource object."
NOT_FOUND = "Resource not found for the segment '{segment}'."  # assumed: WCF's usual wording
METHOD_NOT_ALLOWED = "Method Not Allowed"
UNAUTHORIZED = "Unauthorized"
FORBIDDEN = "Forbidden"
FORBIDDEN_DIVISION = "Forbidden - User division is not within division scope."
FORBIDDEN_SCOPE = "Forbidden - Application Scope Violated. Cannot read"
FORBIDDEN_WRITING = "Forbidden - Application Scope Violated. Cannot write"  # assumed, after that of reading
TOO_MANY_REQUESTS = "Too Many Requests"
TOO_BROAD = "The request is too broad."  # assumed
SERVER_ERROR = "A problem has occurred while processing your request."  # assumed ending
TOO_LARGE = "The request is too large."  # assumed

TOO_EARLY = "Rate limit exceeded: access_token not expired"
TOO_EARLY_REASON = f"TooEarlyToRefreshTokens: {TOO_EARLY}"
OLD_REFRESH_TOKEN = "Old refresh token used."  # noqa: S105 - a message, no secret
REFRESH_TOKEN_EXPIRED = "The refresh token expired at {expired} and it is now {now}."  # noqa: S105 - a message
CHAIN_BROKEN = "Token is not allowed, because of invalid or empty chainId"
GATEWAY_FAULT = (
    '{"fault":{"faultstring":"Unable to identify proxy for host: start.exactonline.nl:443 and url: '
    '\\/api\\/oauth2\\/token","detail":{"errorcode":"messaging.adaptors.http.flow.ApplicationNotFound"}}}'
)

ERROR_ENVELOPE = (
    '{{\r\n"error": {{\r\n"code": "", "message": {{\r\n"lang": "{lang}", "value": {value}\r\n}}\r\n}}\r\n}}'
)
"""As seen: white space comes irregularly."""

SCRAPER_HTML = (
    "<HTML><HEAD>\n<TITLE>Service Unavailable</TITLE>\n</HEAD><BODY>\n<H1>Service Unavailable</H1>\n"
    "The server is temporarily unable to service your request.  Please try again\nlater.<P>\n"
    "Reference&#32;&#35;15&#46;7a2a1702&#46;1668676800&#46;0\n</BODY></HTML>\n"
)
HTML_PAGE = "<!DOCTYPE html>\r\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\r\n"
