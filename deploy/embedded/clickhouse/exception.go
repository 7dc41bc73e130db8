package clickhouse

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Codes of the exceptions that are raised here (src/Common/ErrorCodes.cpp of
// ClickHouse).
const (
	codeBadArguments         = 36
	codeNotImplemented       = 48
	codeSyntaxError          = 62
	codeCannotFsync          = 88
	codeUnknownSetting       = 115
	codeIncorrectData        = 117
	codeReadonly             = 164
	codeQueryIsTooLarge      = 229
	codeCorruptedData        = 246
	codeIntoOutfile          = 358
	codeTooMuch              = 396
	codeAccessDenied         = 497
	codeAuthenticationFailed = 516
	codeUnknown              = 1002
)

// statusOf maps codes to the HTTP statuses that ClickHouse answers them with
// (src/Server/HTTP/exceptionCodeToHTTPStatus.cpp); every other code is 500.
var statusOf = func() map[int]int {
	m := map[int]int{}
	for status, codes := range map[int][]int{
		http.StatusUnauthorized:          {194},
		http.StatusForbidden:             {192, 193, 497, 512, 516},
		http.StatusBadRequest:            {6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676},
		http.StatusNotFound:              {46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511},
		http.StatusRequestEntityTooLarge: {229},
		http.StatusNotImplemented:        {48},
		http.StatusServiceUnavailable:    {76, 209, 439},
		http.StatusLengthRequired:        {381},
		http.StatusRequestTimeout:        {159},
		http.StatusUnsupportedMediaType:  {779},
	} {
		for _, c := range codes {
			m[c] = status
		}
	}
	return m
}()

// An exception is an error of the engine, or one worded like it.
type exception struct {
	code int
	text string // "Code: 62. DB::Exception: … (SYNTAX_ERROR)"
}

func (e *exception) Error() string { return e.text }

// status is the HTTP status that goes with the exception.
func (e *exception) status() int {
	if s, ok := statusOf[e.code]; ok {
		return s
	}
	return http.StatusInternalServerError
}

var exceptionCode = regexp.MustCompile(`^Code: (\d+)\.`)

// newException reads the engine's own wording.
func newException(message string) *exception {
	if m := exceptionCode.FindStringSubmatch(message); m != nil {
		if code, err := strconv.Atoi(m[1]); err == nil {
			return &exception{code: code, text: message}
		}
	}
	return raise(codeUnknown, "UNKNOWN_EXCEPTION", "%s", message)
}

// raise words an exception as the engine does.
func raise(code int, name, format string, args ...any) *exception {
	return &exception{code: code, text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, strings.TrimSuffix(fmt.Sprintf(format, args...), "."), name)}
}

// asException turns any error into one that a ClickHouse client understands.
func asException(err error) *exception {
	var e *exception
	if errors.As(err, &e) {
		return e
	}
	return raise(codeUnknown, "UNKNOWN_EXCEPTION", "%s", err)
}
