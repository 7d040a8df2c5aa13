package math

import (
	"fmt"
	"strconv"
	"strings"
)

type tokenKind int

const (
	end      tokenKind = iota
	number             // 50.25
	text               // "errors", 'Average'
	word               // m1, AVG, AND
	operator           // + - * / ^ == != <= >= < > && || ( ) [ ] ,
)

type token struct {
	kind  tokenKind
	text  string // without quotes
	value float64
}

func (t token) is(operators ...string) bool {
	if t.kind != operator {
		return false
	}
	for _, o := range operators {
		if t.text == o {
			return true
		}
	}
	return false
}

// operators that begin others come after them.
var operators = []string{"==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "^", "(", ")", "[", "]", ","}

func lex(s string) ([]token, error) {
	var tokens []token
	for i := 0; i < len(s); {
		c := s[i]
		if strings.IndexByte(" \t\r\n", c) >= 0 {
			i++
			continue
		}
		t, n, err := lexOne(s[i:])
		if err != nil {
			return nil, err
		}
		tokens, i = append(tokens, t), i+n
	}
	return append(tokens, token{kind: end}), nil
}

// lexOne reads the token at the beginning of s, and tells its length there.
func lexOne(s string) (token, int, error) {
	switch c := s[0]; {
	case c == '"' || c == '\'':
		return lexText(s)
	case digit(c) || c == '.':
		n := 0
		for n < len(s) && (digit(s[n]) || s[n] == '.' || exponent(s, n)) {
			n++
		}
		v, err := strconv.ParseFloat(s[:n], 64)
		if err != nil {
			return token{}, 0, fmt.Errorf("%s is no number", s[:n])
		}
		return token{kind: number, text: s[:n], value: v}, n, nil
	case letter(c):
		n := 1
		for n < len(s) && (letter(s[n]) || digit(s[n])) {
			n++
		}
		return token{kind: word, text: s[:n]}, n, nil
	}
	for _, o := range operators {
		if strings.HasPrefix(s, o) {
			return token{kind: operator, text: o}, len(o), nil
		}
	}
	return token{}, 0, fmt.Errorf("unexpected character %q", []rune(s)[0])
}

// lexText reads to the closing quote. A backslash is left to who reads the text, only it never lets a quote close.
func lexText(s string) (token, int, error) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return token{kind: text, text: s[1:i]}, i + 1, nil
		}
	}
	return token{}, 0, fmt.Errorf("the text that begins with %s does not end", s[:1])
}

// exponent tells whether s[n] belongs to an exponent: 1e3, 1e-3.
func exponent(s string, n int) bool {
	switch s[n] {
	case 'e', 'E':
		rest := strings.TrimLeft(s[n+1:], "+-")
		return len(s[n+1:])-len(rest) <= 1 && rest != "" && digit(rest[0])
	case '+', '-':
		return n > 0 && (s[n-1] == 'e' || s[n-1] == 'E')
	}
	return false
}

func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }
