package douyin

import (
	"errors"
	"testing"

	"yanquan/internal/loose"
	"yanquan/internal/scrub"
)

func TestIDs(t *testing.T) {
	t.Parallel()
	v, err := loose.Decode([]byte("\xef\xbb\xbf" + `{"text":"0091","number":9223372036854775807,"float":7091478021421631519.0,"zero":0,"null":null,"blank":" "}`))
	if err != nil {
		t.Fatal(err)
	}
	o := object(v.(map[string]any))
	for key, want := range map[string]string{"text": "0091", "number": "9223372036854775807", "float": "7091478021421631519", "zero": "", "null": "", "blank": "", "missing": ""} {
		if got := o.id(key); got != want {
			t.Errorf("%s is %q", key, got)
		}
	}
}

// Whatever an answer is, each call has an outcome, and a success of a verify has the
// rows that were asked for.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		ok(rows(row("0"))), ok(rows(row("1229"))), no("3000001", "2034000910"), ok(`"verify_token":"t","certificates":[` + coupon + `]`), ok(`"certificate":` + coupon),
		ok(`"total":"1","records":[{"cursor":"1","verify_id":"1"}]`), ok(`"pois":[{"poi":{"poi_id":1}}]`), tokenAnswer("clt.x", 7200), `{"err_no":1}`, `{"data":"{}","extra":[]}`, `{`,
	} {
		f.Add(200, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		for call := range paths {
			p := reporter{"douyin", call, scrub.New()}
			failure := p.conclude(status, body, func(p reporter, a answer, failure *Error) *Error {
				if failure != nil && call != CallVerify && call != CallCancel {
					return failure
				}
				var err error
				switch call {
				case CallVerify:
					req := VerifyRequest{Token: testToken, OrderID: "800", Codes: []Secret{testCoded}}
					var list []Verified
					list, failure = p.judgeVerify(req, a, failure)
					if failure == nil && (len(list) != 1 || list[0].Result != "0" || !a.whole) {
						t.Errorf("a success with %v", list)
					}
					return failure
				case CallCancel:
					return p.judgeCancel("1", a, failure)
				case CallPrepare:
					_, err = readPrepared(a.data, a.whole)
				case CallGet:
					_, err = readCertificate(a.data, a.whole)
				case CallQuery:
					_, err = certificates(a.data, a.whole)
				case CallRecords:
					_, err = readRecords(a.data, a.whole)
				case CallShops:
					_, err = readShops(a.data, a.whole)
				case CallLedger:
					_, err = readLedgers(a.data, a.whole)
				}
				if err != nil {
					return p.unread(a, err)
				}
				return nil
			})
			if failure == nil {
				if status < 200 || status > 299 {
					t.Errorf("%s: success by http %d", call, status)
				}
				continue
			}
			if failure.Class == "" || failure.Error() == "" {
				t.Errorf("%s: %+v", call, failure)
			}
			if call.Changes() && status >= 500 && !errors.Is(failure, UnknownOutcome) {
				t.Errorf("%s: %v by http %d", call, failure, status)
			}
		}
	})
}
